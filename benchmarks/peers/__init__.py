"""What the network benches run in processes of their own: a server of canned answers, and each client."""
