# The parity tool, once per kernel level of this build (arch/isa.def), and its self-test.
# A level this CPU lacks is skipped (exit 77). Under an emulator, add a test with
#   surefoot_checkkern(<suffix> <cpu> --best <level> ...)      which runs it as QEMU_CPU=<cpu>
set(ck_sources checkkern/ck_input.c checkkern/ck_matmul.c checkkern/ck_vector.c
  checkkern/ck_mutants.c checkkern/ck_speed.c)
surefoot_program(checkkern checkkern)
target_sources(checkkern PRIVATE ${ck_sources})

function(surefoot_checkkern suffix cpu)
  add_test(NAME checkkern.${suffix} COMMAND checkkern ${ARGN})
  set_tests_properties(checkkern.${suffix} PROPERTIES LABELS "short;checkkern" TIMEOUT 600
    SKIP_RETURN_CODE 77)
  if(cpu)
    set_tests_properties(checkkern.${suffix} PROPERTIES ENVIRONMENT "QEMU_CPU=${cpu}")
  endif()
endfunction()

surefoot_checkkern(selftest "" --selftest --seed 1)
# One file of hashes for every compiler, optimisation and CPU: the promise of equal bits.
set(ck_golden --golden ${CMAKE_SOURCE_DIR}/tests/golden/kernel_hashes.txt)
surefoot_checkkern(golden "" ${ck_golden})
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

# The same kernels compiled without optimisation must give the same hashes.
if(NOT SUREFOOT_SANITIZE AND NOT SUREFOOT_FUZZ)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/arch/*.c ${CMAKE_SOURCE_DIR}/arch/ref/*.c
    ${CMAKE_SOURCE_DIR}/arch/${arch}/*.c ${CMAKE_SOURCE_DIR}/quant/*.c)
  list(FILTER kernels EXCLUDE REGEX "/quantize\\.c$") # file to file: no kernel
  add_executable(checkkern_O0 checkkern/checkkern.c ${ck_sources} ${kernels}
    ${CMAKE_SOURCE_DIR}/src/base/status.c)
  foreach(file ${kernels}) # their flags were set for the library's folder, not for this one
    string(REGEX REPLACE ".*_([a-z0-9]+)\\.c$" "\\1" level ${file})
    if(DEFINED isa_flags_${level})
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${isa_flags_${level}}")
    endif()
  endforeach()
  target_compile_options(checkkern_O0 PRIVATE -O0 -Wno-missing-prototypes -Wno-conversion)
  target_compile_definitions(checkkern_O0 PRIVATE
    $<TARGET_PROPERTY:surefoot_objects,COMPILE_DEFINITIONS>)
  target_include_directories(checkkern_O0 PRIVATE
    $<TARGET_PROPERTY:surefoot_objects,INCLUDE_DIRECTORIES>)
  target_link_libraries(checkkern_O0 PRIVATE PkgConfig::SLEEF m)
  add_test(NAME checkkern.golden_O0 COMMAND checkkern_O0 ${ck_golden})
  set_tests_properties(checkkern.golden_O0 PROPERTIES LABELS "medium;checkkern" TIMEOUT 600)
endif()

# On x86 an emulated old CPU proves that nothing outside the overlays needs a newer one, and a CPU
# with AVX2 but without FMA and the bit instructions that the overlay needs no more than it says.
find_program(QEMU_X86_64 qemu-x86_64)
if(arch STREQUAL x86 AND QEMU_X86_64 AND NOT SUREFOOT_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
  function(surefoot_checkkern_cpu suffix cpu)
    add_test(NAME checkkern.${suffix} COMMAND ${QEMU_X86_64} -cpu ${cpu} $<TARGET_FILE:checkkern> ${ARGN})
    set_tests_properties(checkkern.${suffix} PROPERTIES LABELS "medium;checkkern" TIMEOUT 600)
  endfunction()
  surefoot_checkkern_cpu(old_cpu Nehalem --best generic)
  surefoot_checkkern_cpu(old_cpu_golden Nehalem ${ck_golden})
  surefoot_checkkern_cpu(no_fma Haswell,-fma,-bmi1,-bmi2 --best avx2 --seed 1 --quick)
endif()

# 64-bit ARM under the emulator: boards without and with the dot product, and everything there is.
# The A72 run is the full one: there base NEON owns every slot.
# --best: the level chosen by itself on that CPU, so that a silent fall back to a lower one fails.
if(CMAKE_CROSSCOMPILING AND arch STREQUAL arm)
  surefoot_checkkern(cortex-a53 cortex-a53 --best neon --seed 2 --quick)
  surefoot_checkkern(cortex-a72 cortex-a72 --best neon --seed 3)
  surefoot_checkkern(cortex-a76 cortex-a76 --best dotprod --seed 4 --quick)
  surefoot_checkkern(max max --best dotprod --seed 5 --quick)
endif()
