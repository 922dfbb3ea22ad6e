# One folder is one static library, and its files are the library: adding a file needs no change here.
add_library(lxcell_options INTERFACE)
target_include_directories(lxcell_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(lxcell_options INTERFACE VIR_ENUM_SENTINELS)
target_compile_options(lxcell_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wno-missing-field-initializers $<$<BOOL:${LXCELL_WERROR}>:-Werror>)

add_library(lxcell_sanitize INTERFACE)
if(LXCELL_SANITIZE)
  # What is found ends the program, which is also a third less code to compile. g++ 12 takes its own instrumented <regex>
  # for uninitialized.
  target_compile_options(lxcell_sanitize INTERFACE -fsanitize=${LXCELL_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(lxcell_sanitize INTERFACE -fsanitize=${LXCELL_SANITIZE})
endif()

# lxcell_folder(LINKS target...): the folder's *.cpp become library "lxcell_<folder>".
function(lxcell_folder)
  cmake_parse_arguments(arg "" "" "LINKS;EXCLUDE" ${ARGN})
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  string(REPLACE "-" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(file ${arg_EXCLUDE})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  set(kind PUBLIC)
  if(sources)
    add_library(lxcell_${name} STATIC ${sources})
  else()
    add_library(lxcell_${name} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_link_libraries(lxcell_${name} ${kind} lxcell_options lxcell_sanitize ${arg_LINKS})
endfunction()

# lxcell_test(folder LINKS ...): tests/<folder>/*_test.cpp become one GoogleTest program.
function(lxcell_test folder)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  string(REPLACE "-" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_include_directories(${name}_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(${name}_test PRIVATE TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/tests/data"
    SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name}_test PRIVATE ${arg_LINKS} GTest::gmock GTest::gtest_main)
endfunction()
