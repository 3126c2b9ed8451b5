"""NDS logins and packet signatures as arithmetic: hashes, a cipher, keys, sealed messages and proofs."""
