surefoot_test(unit test_base short)
