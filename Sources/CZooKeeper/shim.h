// libzookeeper_mt as Swift can see it. No logic here: one getter for each thing that Swift cannot touch.

#ifndef CZOOKEEPER_SHIM_H
#define CZOOKEEPER_SHIM_H

#define THREADED
#include <zookeeper/zookeeper.h>

// The ACLs are C variables, which Swift 6 refuses as shared mutable state. They are never written.
static inline const struct ACL_vector *czookeeper_open_acl(void) { return &ZOO_OPEN_ACL_UNSAFE; }
static inline const struct ACL_vector *czookeeper_creator_all_acl(void) { return &ZOO_CREATOR_ALL_ACL; }

#endif
