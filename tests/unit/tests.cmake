surefoot_test(unit test_base short)
surefoot_test(unit test_cpu short)
surefoot_test(unit test_quant short)
surefoot_test(unit test_file short)
