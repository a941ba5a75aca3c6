# The tiny models are made once per build folder, where a Python with numpy is found; a test that
# reads them asks for the fixture:  set_tests_properties(golden.x PROPERTIES FIXTURES_REQUIRED golden)
set(SUREFOOT_GOLDEN ${CMAKE_BINARY_DIR}/golden)
if(PYTHON3)
  add_test(NAME golden.make COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/make_golden.py models ${SUREFOOT_GOLDEN})
  set_tests_properties(golden.make PROPERTIES FIXTURES_SETUP golden LABELS "short;golden" TIMEOUT 300)
endif()
surefoot_test(golden test_tokenizer_vectors short)
surefoot_test(golden test_bad_files short)
if(PYTHON3)
  add_test(NAME golden.bad_files_are_made COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/bad/make_bad.py --check ${CMAKE_SOURCE_DIR}/tests/golden/bad)
  set_tests_properties(golden.bad_files_are_made PROPERTIES LABELS "short;golden" TIMEOUT 300)
endif()
surefoot_test(golden test_threads short ${SUREFOOT_GOLDEN}/llama-tied.gguf ${SUREFOOT_GOLDEN}/qwen3-q5_k.gguf)
set_tests_properties(golden.test_threads PROPERTIES FIXTURES_REQUIRED golden)
set_property(TEST golden.test_threads APPEND PROPERTY LABELS threads)

# Every level natively; under an emulator it would take many minutes a processor model.
if(NOT CMAKE_CROSSCOMPILING)
  if(SUREFOOT_SANITIZE)
    set(quick --quick)
  endif()
  surefoot_test(golden test_model short ${SUREFOOT_GOLDEN} ${quick})
  set_tests_properties(golden.test_model PROPERTIES FIXTURES_REQUIRED golden TIMEOUT 1500)
endif()

# Real weights through the command: texts, ids and logits of two independent programs.
if(NOT CMAKE_CROSSCOMPILING AND PYTHON3 AND TARGET surefoot)
  add_test(NAME golden.stories COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/check_stories.py
    $<TARGET_FILE:surefoot> ${SUREFOOT_SHARED})
  set_tests_properties(golden.stories PROPERTIES LABELS "short;golden" TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
