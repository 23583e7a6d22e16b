# What `make install` and the Debian package put where. The program writes its own completions, so they
# cannot differ from its verbs.
if(TARGET bulkhead)
  install(TARGETS bulkhead bulkhead-scan RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES man/bulkhead.1 man/bulkhead-scan.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(DIRECTORY schemas/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bulkhead/schemas
          FILES_MATCHING PATTERN "*.json")
  install(CODE "
    function(write_completion shell file)
      execute_process(COMMAND \"$<TARGET_FILE:bulkhead>\" completion \${shell}
                      OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
      file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/\${file}\" \"\${text}\")
    endfunction()
    write_completion(bash bash-completion/completions/bulkhead)
    if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
      write_completion(zsh zsh/vendor-completions/_bulkhead)
    else()
      write_completion(zsh zsh/site-functions/_bulkhead)
    endif()
    write_completion(fish fish/vendor_completions.d/bulkhead.fish)
  ")
endif()
