//! SMTP as Postern speaks it: dial, TLS, session. Diagnosis, test and delivery share it.
