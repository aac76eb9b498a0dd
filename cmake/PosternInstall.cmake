# cmake --install: what goes where. debian/*.install divides it into packages. What
# may be the administrator's (/etc, /var) is not installed here: a second
# installation would write over it.
include(GNUInstallDirs)

install(TARGETS posternd postern-milter RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS pin-admin RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS postern-transport
  RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/postern)
install(TARGETS postern_exim
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/postern)

foreach(page IN LISTS POSTERN_MAN_PAGES)
  string(REGEX MATCH "[1-8]$" section ${page})
  install(FILES ${PROJECT_BINARY_DIR}/man/${page}
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

file(GLOB handbook ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${handbook} ${PROJECT_SOURCE_DIR}/README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_BINARY_DIR}/man/postern.conf
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

set(systemd ${PROJECT_SOURCE_DIR}/posternd/systemd)
install(FILES ${systemd}/postern.service ${systemd}/postern.socket
  ${systemd}/postern-lmtp.socket ${systemd}/postern-postfix-map.socket
  ${systemd}/postern-exim.socket ${systemd}/postern-sendmail.socket
  ${systemd}/postern-milter.service
  DESTINATION lib/systemd/system)
foreach(name IN ITEMS postern postern-postfix)
  install(FILES ${systemd}/${name}.tmpfiles DESTINATION lib/tmpfiles.d
    RENAME ${name}.conf)
endforeach()
install(FILES ${systemd}/postern.sysusers DESTINATION lib/sysusers.d
  RENAME postern.conf)
