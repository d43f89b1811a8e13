//! An embedded server that answers like ksqlDB, and the transactions that it serves.
