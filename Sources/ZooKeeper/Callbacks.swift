// What libzookeeper calls, on its completion thread. File scope: a closure literal inside an isolated
// function would be isolated as well, and crash when C calls it. Nothing here blocks.

import CZooKeeper
import ZnodeStore

/// The session's own events. The context is the session, which the handle holds retained until it is closed.
func sessionChanged(
    _ handle: OpaquePointer?,
    _ type: Int32,
    _ state: Int32,
    _ path: UnsafePointer<CChar>?,
    _ context: UnsafeMutableRawPointer?
) {
    guard type == ZOO_SESSION_EVENT, let handle, let context else { return }
    // The handle's context, which `makeHandle` retained until the handle is closed.
    let session = Unmanaged<ZooKeeperSession>.fromOpaque(context).takeUnretainedValue()
    session.connectionChanged(to: state, on: handle)
}

/// A watch. Session events come here too, any number of times, and are none of its business.
func nodeChanged(
    _ handle: OpaquePointer?,
    _ type: Int32,
    _ state: Int32,
    _ path: UnsafePointer<CChar>?,
    _ context: UnsafeMutableRawPointer?
) {
    guard let path, let kind = WatchKind(rawValue: UInt(bitPattern: context)) else { return }
    let event: WatchEvent
    switch type {
    case ZOO_CREATED_EVENT: event = .created
    case ZOO_DELETED_EVENT: event = .deleted
    case ZOO_CHANGED_EVENT: event = .dataChanged
    case ZOO_CHILD_EVENT: event = .childrenChanged
    default: return
    }
    guard let raw = zoo_get_context(handle) else { return }
    // The handle's context, which `makeHandle` retained until the handle is closed.
    let session = Unmanaged<ZooKeeperSession>.fromOpaque(raw).takeUnretainedValue()
    session.watchFired(kind, path: String(cString: path), event)
}

func createCompleted(_ code: Int32, _ path: UnsafePointer<CChar>?, _ data: UnsafeRawPointer?) {
    Completion<String>.finish(data, code: code) { path.map { String(cString: $0) } }
}

func readCompleted(
    _ code: Int32,
    _ value: UnsafePointer<CChar>?,
    _ length: Int32,
    _ stat: UnsafePointer<Stat>?,
    _ data: UnsafeRawPointer?
) {
    Completion<Znode>.finish(data, code: code) {
        // Null data has length -1. The buffer is libzookeeper's own and whole: no truncation as with
        // `zoo_get`.
        let bytes = UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : Int(max(length, 0)))
        return stat.map { Znode(data: [UInt8](bytes), stat: ZnodeStat($0.pointee)) }
    }
}

func existsCompleted(_ code: Int32, _ stat: UnsafePointer<Stat>?, _ data: UnsafeRawPointer?) {
    Completion<ZnodeStat?>.finish(data, code: code) {
        code == ZOK.rawValue ? stat.map { .some(ZnodeStat($0.pointee)) } : .some(nil)
    }
}

func setCompleted(_ code: Int32, _ stat: UnsafePointer<Stat>?, _ data: UnsafeRawPointer?) {
    Completion<ZnodeStat>.finish(data, code: code) { stat.map { ZnodeStat($0.pointee) } }
}

func childrenCompleted(_ code: Int32, _ names: UnsafePointer<String_vector>?, _ data: UnsafeRawPointer?) {
    Completion<[String]>.finish(data, code: code) {
        guard let names = names?.pointee else { return [] }
        // The C client owns the list until this callback returns; the names are copies.
        return UnsafeBufferPointer(start: names.data, count: Int(names.count))
            .compactMap { name in name.map { String(cString: $0) } }
    }
}

func deleteCompleted(_ code: Int32, _ data: UnsafeRawPointer?) {
    Completion<Bool>.finish(data, code: code) { true }
}

func syncCompleted(_ code: Int32, _ path: UnsafePointer<CChar>?, _ data: UnsafeRawPointer?) {
    Completion<Bool>.finish(data, code: code) { true }
}

func multiCompleted(_ code: Int32, _ data: UnsafeRawPointer?) {
    MultiRequest.finish(data, code: code)
}
