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
if(PYTHON3 AND TARGET surefoot AND NOT CMAKE_CROSSCOMPILING)
  add_test(NAME golden.policies COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/check_policies.py $<TARGET_FILE:surefoot>)
  set_tests_properties(golden.policies PROPERTIES LABELS "short;golden" TIMEOUT 300)
endif()
surefoot_test(golden test_threads short ${SUREFOOT_GOLDEN}/llama-tied.gguf ${SUREFOOT_GOLDEN}/qwen3-q5_k.gguf)
set_tests_properties(golden.test_threads PROPERTIES FIXTURES_REQUIRED golden)
set_property(TEST golden.test_threads APPEND PROPERTY LABELS threads)

# Every level natively. Under an emulator: the best level of each processor model against the same
# hashes of logits (bits.tsv) and guarded texts (texts.tsv), which x86 is held to as well.
if(NOT CMAKE_CROSSCOMPILING)
  if(SUREFOOT_SANITIZE)
    set(quick --quick)
    set(bits --bits)
  endif()
  surefoot_test(golden test_model short ${SUREFOOT_GOLDEN} ${quick})
  # Alone: its teams of threads wait for each other, and would for whoever else runs.
  set_tests_properties(golden.test_model PROPERTIES FIXTURES_REQUIRED golden TIMEOUT 1500 PROCESSORS 2)
  surefoot_test(golden test_texts short ${SUREFOOT_GOLDEN} ${bits})
  set_tests_properties(golden.test_texts PROPERTIES FIXTURES_REQUIRED golden TIMEOUT 900)
elseif(PYTHON3)
  surefoot_program(golden test_model)
  surefoot_program(golden test_texts)
  foreach(cpu cortex-a53 cortex-a72 cortex-a76 max)
    foreach(what model texts)
      add_test(NAME golden.${what}_${cpu} COMMAND test_${what} ${SUREFOOT_GOLDEN} --bits)
      set_tests_properties(golden.${what}_${cpu} PROPERTIES LABELS "short;golden" TIMEOUT 1200
        SKIP_RETURN_CODE 77 FIXTURES_REQUIRED golden ENVIRONMENT "QEMU_CPU=${cpu}")
    endforeach()
  endforeach()
endif()

# Real weights through the command: texts, ids and logits of two independent programs.
if(NOT CMAKE_CROSSCOMPILING AND PYTHON3 AND TARGET surefoot)
  add_test(NAME golden.stories COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/check_stories.py
    $<TARGET_FILE:surefoot> ${SUREFOOT_SHARED})
  set_tests_properties(golden.stories PROPERTIES LABELS "short;golden" TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()

# Every family under a guard; models in several files.
if(NOT CMAKE_CROSSCOMPILING AND PYTHON3 AND TARGET surefoot)
  foreach(what families split)
    add_test(NAME golden.${what} COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/check_${what}.py
      $<TARGET_FILE:surefoot> ${SUREFOOT_GOLDEN})
    set_tests_properties(golden.${what} PROPERTIES LABELS "short;golden" TIMEOUT 300 FIXTURES_REQUIRED golden)
  endforeach()
endif()

# Hugging Face folders to GGUF, against an independent writer.
if(NOT CMAKE_CROSSCOMPILING AND PYTHON3 AND TARGET surefoot AND NOT SUREFOOT_SANITIZE)
  add_test(NAME golden.convert COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/check_convert.py $<TARGET_FILE:surefoot>)
  set_tests_properties(golden.convert PROPERTIES LABELS "short;golden" TIMEOUT 600)
endif()

# Not a test: what tools/compare_encoders.py runs.
surefoot_program(golden encode_file)
