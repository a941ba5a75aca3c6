# The world of the built-in model: generator, split, judge, vocabulary. Python's standard library only.
if(PYTHON3 AND NOT CMAKE_CROSSCOMPILING AND NOT SUREFOOT_SANITIZE)
  foreach(part generator split judge prompts critic labels vocabulary model)
    add_test(NAME world.${part} COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/test_world.py ${CMAKE_SOURCE_DIR} ${part}
      $<$<AND:$<STREQUAL:${part},model>,$<BOOL:${SUREFOOT_BUILTIN_MODEL}>>:$<TARGET_FILE:surefoot>>)
    set_tests_properties(world.${part} PROPERTIES LABELS "short;world" TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
  add_test(NAME world.independence COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/world/independence.py
    ${CMAKE_SOURCE_DIR}/models/household.lexicon)
  set_tests_properties(world.independence PROPERTIES LABELS "short;world" TIMEOUT 120)
endif()
