"""Tests of parts with the outside that they speak to: files, servers, other processes."""
