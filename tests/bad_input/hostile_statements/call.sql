CALL pragma_version()
