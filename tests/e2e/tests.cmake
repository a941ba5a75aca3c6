# surefoot_check(name label command...): a script instead of a program; needs the tool it names.
function(surefoot_check name label)
  add_test(NAME e2e.${name} COMMAND ${ARGN})
  set_tests_properties(e2e.${name} PROPERTIES LABELS "${label};e2e" TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()

# Rules of the tree: once per machine is enough, so not in cross builds or under sanitizers.
if(NOT CMAKE_CROSSCOMPILING AND NOT SUREFOOT_SANITIZE)
  set(e2e ${CMAKE_SOURCE_DIR}/tests/e2e)
  if(PYTHON3)
    surefoot_check(includes short ${PYTHON3} ${e2e}/check_includes.py ${CMAKE_SOURCE_DIR})
    surefoot_check(tree short ${PYTHON3} ${e2e}/check_tree.py ${CMAKE_SOURCE_DIR})
  endif()
  surefoot_check(header short ${e2e}/check_header.sh ${CMAKE_SOURCE_DIR}/src/api/surefoot.h ${CMAKE_C_COMPILER} c++)
  surefoot_check(symbols short ${e2e}/check_symbols.sh ${CMAKE_NM} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/src/api/surefoot.h)
  surefoot_check(install short ${e2e}/check_install.sh ${CMAKE_BINARY_DIR} ${e2e}/consumer.c ${CMAKE_C_COMPILER} c++)
  surefoot_check(in_source short ${e2e}/check_in_source.sh ${CMAKE_SOURCE_DIR})
endif()

# The machine code obeys the rules of arithmetic and stays within each object's CPU level.
# GNU objdump's listing is read; beside clang CMake finds LLVM's, which prints another one.
if(NOT CMAKE_CROSSCOMPILING)
  find_program(GNU_OBJDUMP objdump)
else()
  set(GNU_OBJDUMP ${CMAKE_OBJDUMP})
endif()
if(NOT SUREFOOT_SANITIZE AND NOT arch STREQUAL none AND GNU_OBJDUMP)
  surefoot_check(code short ${CMAKE_SOURCE_DIR}/tests/e2e/check_code.sh ${GNU_OBJDUMP}
    ${CMAKE_C_COMPILER} $<TARGET_FILE:surefoot_static>)
endif()

# The command as its users meet it: options, output, exit codes, Ctrl-C, on tiny models that the test
# makes. What needs real artefacts is skipped without them.
if(PYTHON3 AND TARGET surefoot AND NOT CMAKE_CROSSCOMPILING)
  foreach(cli cli cli_output cli_chat cli_quantize cli_perplexity cli_tools cli_eval)
    surefoot_check(${cli} medium ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/e2e/test_${cli}.py $<TARGET_FILE:surefoot>
      --shared ${SUREFOOT_SHARED})
    set_tests_properties(e2e.${cli} PROPERTIES TIMEOUT 1500)
  endforeach()
endif()

# The race: its parsing and statistics on canned outputs, and the program that measures the machine.
if(PYTHON3 AND NOT CMAKE_CROSSCOMPILING)
  surefoot_check(race short ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/e2e/test_race.py ${CMAKE_SOURCE_DIR} $<TARGET_FILE:roofline>)
endif()
