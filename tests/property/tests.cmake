# Laws on scripted processes. The long run is the proof by numbers: 10^6 random trees.
foreach(name prop_guard)
  surefoot_program(property ${name})
  target_sources(${name} PRIVATE property/laws.c property/toy.c)
  target_include_directories(${name} PRIVATE property)
endforeach()
surefoot_test(property prop_guard short)
surefoot_test(property prop_oom short ${SUREFOOT_GOLDEN})
set_tests_properties(property.prop_oom PROPERTIES FIXTURES_REQUIRED golden)
