import Testing

/// Black-box tests of the built executable: real processes, ZooKeeper servers and Redis, one test at a time.
@Suite(.serialized) enum ClusterSuite {}
