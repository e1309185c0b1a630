"""The four legacy systems on SOAP stacks that are not Python: PHP's as the prison, npm's `soap` as the others."""
