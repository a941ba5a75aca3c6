# The laws of the guard on scripted processes, asked of the guard and of a guard with mutation
# points (its own compilation of the sources, linked before the library's).
set(laws property/laws.c property/cases.c property/toy.c)
foreach(name prop_guard prop_mutants)
  surefoot_program(property ${name})
  target_sources(${name} PRIVATE ${laws})
  target_include_directories(${name} PRIVATE property)
endforeach()
foreach(file beam deliver guard reader safety search)
  target_sources(prop_mutants PRIVATE ${CMAKE_SOURCE_DIR}/guard/${file}.c)
endforeach()
target_compile_definitions(prop_mutants PRIVATE SF_MUTANTS)
surefoot_test(property prop_guard short)
surefoot_test(property prop_oom short ${SUREFOOT_GOLDEN})
set_tests_properties(property.prop_oom PROPERTIES FIXTURES_REQUIRED golden)
surefoot_test(property prop_mutants short)
# The proof by numbers: 10^6 random trees.
add_test(NAME property.million COMMAND prop_guard 1000000 random_trees)
set_tests_properties(property.million PROPERTIES LABELS "long;property" TIMEOUT 3600)
