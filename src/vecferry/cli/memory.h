#pragma once

/// How the process takes and gives back memory; decided by the verb, once, at its start.
namespace vecferry {

/// For moving points to and from a server: messages of some MiB come and go in many threads, each
/// of which would keep an arena of its own and what Arrow's pool once held. Measured with four
/// lanes: 200 MiB instead of 470, with less of the processor.
/// Thread: before the first batch is made.
void share_memory_between_lanes();

/// For a server, which has a thread a connection, and official clients make one for each request.
/// Thread: before the first batch is made.
void give_memory_back_after_requests();

}  // namespace vecferry
