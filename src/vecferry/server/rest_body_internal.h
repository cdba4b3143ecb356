#pragma once

#include <httplib.h>

#include <cstdint>
#include <filesystem>
#include <string>

/// The bodies of HTTP requests, and connections that have none yet.
namespace vecferry::server {

/// Read a body to its end, unpacked. What is wrong with it, in Qdrant's words; empty: nothing.
std::string read_body(const httplib::Request& request, const httplib::ContentReader& reader,
                      int64_t max_bytes, std::string* body);

/// Write the content of the form field `name` into a new file. False when there is no such field,
/// or the file cannot be written.
bool save_upload(const httplib::ContentReader& reader, const std::string& name,
                 const std::filesystem::path& file);

/// Take a body and throw it away, so that the client, which reads only when it has sent all, hears
/// the answer.
void drain(const httplib::ContentReader& reader, const httplib::Request& request);

/// Tell clients of a port of ours that there will be no more requests on connections that they keep
/// open. Those at work are answered.
void end_idle_connections(int port);

}  // namespace vecferry::server
