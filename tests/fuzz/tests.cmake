# surefoot_fuzz(<name>): tests/fuzz/<name>.c defines LLVMFuzzerTestOneInput (fuzz.h). Always: a replay
# program that runs it over every file of tests/fuzz/corpus/<name>/ and over damaged copies of them,
# the ctest fuzz.<name>. With the preset `fuzz` also the fuzzer itself, build/fuzz/tests/<name>:
#   build/fuzz/tests/<name> -max_total_time=600 NEW_DIR tests/fuzz/corpus/<name>
#   build/fuzz/tests/<name> -merge=1 tests/fuzz/corpus/<name> NEW_DIR      (keeps what adds coverage)
# Words for -dict=tests/fuzz/<name>.dict where there is such a file.
function(surefoot_fuzz name)
  add_executable(${name}_replay fuzz/${name}.c fuzz/replay.c)
  set(programs ${name}_replay)
  if(SUREFOOT_FUZZ)
    add_executable(${name} fuzz/${name}.c)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    list(APPEND programs ${name})
  endif()
  foreach(program ${programs})
    target_link_libraries(${program} PRIVATE surefoot_static)
    target_include_directories(${program} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_options(${program} PRIVATE -Wno-missing-prototypes -Wno-conversion)
    target_compile_definitions(${program} PRIVATE SUREFOOT_SOURCE="${CMAKE_SOURCE_DIR}")
  endforeach()
  add_test(NAME fuzz.${name} COMMAND ${name}_replay ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS "short;fuzz" TIMEOUT 300)
endfunction()

surefoot_fuzz(fuzz_gguf)
surefoot_fuzz(fuzz_safetensors)
surefoot_fuzz(fuzz_packed)
surefoot_fuzz(fuzz_quant)
surefoot_fuzz(fuzz_tokenizer)
surefoot_fuzz(fuzz_lexicon)
surefoot_fuzz(fuzz_policy)
surefoot_fuzz(fuzz_ngram)
surefoot_fuzz(fuzz_template)
