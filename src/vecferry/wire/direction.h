#pragma once

namespace vecferry::wire {

/// Which end decodes. A reply is from a server that has checked it, so what does not fit is an
/// error; a request is from any client, and is taken as Qdrant takes it (sparse vectors in any
/// order, uint8 cut from floats) or refused in Qdrant's words.
enum class Direction { kReply, kRequest };

}  // namespace vecferry::wire
