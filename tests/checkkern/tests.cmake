# The parity tool, once per kernel level of this build (arch/isa.def), and its self-test.
# A level this CPU lacks is skipped (exit 77). Under an emulator, add a test with
#   surefoot_checkkern(<suffix> <cpu> --best <level> ...)      which runs it as QEMU_CPU=<cpu>
surefoot_program(checkkern checkkern)
target_sources(checkkern PRIVATE checkkern/ck_input.c checkkern/ck_matmul.c checkkern/ck_vector.c
  checkkern/ck_mutants.c)

function(surefoot_checkkern suffix cpu)
  add_test(NAME checkkern.${suffix} COMMAND checkkern ${ARGN})
  set_tests_properties(checkkern.${suffix} PROPERTIES LABELS "short;checkkern" TIMEOUT 600
    SKIP_RETURN_CODE 77)
  if(cpu)
    set_tests_properties(checkkern.${suffix} PROPERTIES ENVIRONMENT "QEMU_CPU=${cpu}")
  endif()
endfunction()

surefoot_checkkern(selftest "" --selftest --seed 1)
set(ck_quick "")
if(SUREFOOT_SANITIZE OR CMAKE_CROSSCOMPILING)
  set(ck_quick --quick)
endif()
file(STRINGS ${CMAKE_SOURCE_DIR}/arch/isa.def lines REGEX "^SF_ISA\\(")
foreach(line ${lines})
  if(line MATCHES "^SF_ISA\\(([a-z0-9_]+), *([a-z0-9]+)," AND CMAKE_MATCH_2 STREQUAL arch)
    surefoot_checkkern(${CMAKE_MATCH_1} "" --isa ${CMAKE_MATCH_1} --seed 1 ${ck_quick})
  endif()
endforeach()

# 64-bit ARM under the emulator: boards without and with the dot product, and everything there is.
# --best: the level chosen by itself on that CPU, so that a silent fall back to a lower one fails.
if(CMAKE_CROSSCOMPILING AND arch STREQUAL arm)
  surefoot_checkkern(cortex-a53 cortex-a53 --best neon --seed 2 --quick)
  surefoot_checkkern(cortex-a72 cortex-a72 --best neon --seed 3 --quick)
  surefoot_checkkern(cortex-a76 cortex-a76 --best dotprod --seed 4 --quick)
  surefoot_checkkern(max max --best dotprod --seed 5 --quick)
endif()
