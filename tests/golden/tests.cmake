# The tiny models are made once per build folder, where a Python with numpy is found; a test that
# reads them asks for the fixture:  set_tests_properties(golden.x PROPERTIES FIXTURES_REQUIRED golden)
set(SUREFOOT_GOLDEN ${CMAKE_BINARY_DIR}/golden)
if(PYTHON3)
  add_test(NAME golden.make COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/golden/make_golden.py models ${SUREFOOT_GOLDEN})
  set_tests_properties(golden.make PROPERTIES FIXTURES_SETUP golden LABELS "short;golden" TIMEOUT 300)
endif()
surefoot_test(golden test_tokenizer_vectors short)
