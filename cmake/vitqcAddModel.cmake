# vitqc_add_model(TARGET MODEL.onnx
#     [CALIB PATH]        images: a folder, a list, an image or a .npy
#     [LOAD_CALIB PATH]   ranges that vitqc --save-calib wrote
#     [NAME NAME]         first part of the C names; the target's otherwise
#     [OPTIONS ...])      further options of vitqc, such as --mean=0.5 --std=0.5
#
# Compiles the model while building and makes TARGET, a static library with
# NAME.h among its include folders. It is compiled again when the model, the
# images, the options or vitqc change.
function(vitqc_add_model target model)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "CALIB;LOAD_CALIB;NAME"
        "OPTIONS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR
            "vitqc_add_model(${target}): what is ${arg_UNPARSED_ARGUMENTS}?")
    endif()
    if(NOT arg_NAME)
        string(MAKE_C_IDENTIFIER "${target}" arg_NAME)
    endif()
    get_filename_component(model "${model}" ABSOLUTE)
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/vitqc/${target}")
    set(object "${folder}/${arg_NAME}.o")
    set(header "${folder}/${arg_NAME}.h")
    set(options ${arg_OPTIONS})
    set(depends "${model}")

    if(arg_CALIB)
        get_filename_component(calib "${arg_CALIB}" ABSOLUTE)
        list(APPEND options "--calib=${calib}")
        if(IS_DIRECTORY "${calib}")
            file(GLOB images CONFIGURE_DEPENDS "${calib}/*")
            list(APPEND depends ${images})
        else()
            list(APPEND depends "${calib}")
        endif()
    endif()
    if(arg_LOAD_CALIB)
        get_filename_component(ranges "${arg_LOAD_CALIB}" ABSOLUTE)
        list(APPEND options "--load-calib=${ranges}")
        list(APPEND depends "${ranges}")
    endif()

    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
        OUTPUT "${object}" "${header}"
        COMMAND vitqc::command "${model}" -o "${object}"
            "--name=${arg_NAME}" ${options}
        DEPENDS ${depends} vitqc::command
        COMMENT "Compiling ${arg_NAME} with vitqc"
        VERBATIM)
    set_source_files_properties("${object}" PROPERTIES
        EXTERNAL_OBJECT ON GENERATED ON)
    add_library(${target} STATIC "${object}" "${header}")
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
    target_include_directories(${target} INTERFACE "${folder}")
endfunction()
