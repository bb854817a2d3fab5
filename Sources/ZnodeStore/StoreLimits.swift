/// The sizes that one request may have, checked before any call.
///
/// ZooKeeper closes the connection on a request of more than 1,048,575 bytes (`jute.maxbuffer`), which looks like a
/// lost connection and fails everything else in flight, so the bounds are ours and lower.
package enum StoreLimits {
    /// The most data that one znode holds.
    package static let maximumDataLength = 512 * 1024
    /// The most bytes of one `multi`.
    package static let maximumMultiLength = 768 * 1024
    /// The most operations of one `multi`.
    package static let maximumMultiCount = 4096
}
