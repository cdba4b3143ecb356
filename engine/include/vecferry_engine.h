/* The C interface of vecferry's embedded engine (the Rust crate in engine/, around qdrant-edge).
 *
 * Written by hand; engine/src/ffi.rs is the other side and a test there holds the two together.
 *
 * Errors
 *   Every call returns a code: 0, or the position of the kind in vecferry's ErrorKind plus one (see
 *   vecferry_code). On an error `*message` (when `message` is not NULL) is one UTF-8 line to be freed with
 *   vecferry_engine_free_string; on success it is NULL. After an error every output is empty: handles
 *   and strings NULL, Arrow structs with a NULL `release`.
 *   A Rust panic never crosses: it becomes VECFERRY_INTERNAL, and the shard then only closes.
 *
 * Ownership
 *   Strings that come in are NUL-terminated UTF-8 (paths: the bytes of the path) and are only read during the call.
 *   Strings, shards and Arrow structs that come out belong to the caller: vecferry_engine_free_string,
 *   vecferry_engine_close, and the structs' own `release`.
 *   Arrow structs that go in are consumed: moved out and released, whether the call succeeds or not.
 *
 * Threads
 *   Calls on one shard may run at the same time, except vecferry_engine_close, which must be the last. Writes
 *   (upsert, remove, apply, create_index, delete_index) are put in a row by the engine; reads run beside them.
 *   A folder is open once in a process: a second open answers VECFERRY_CONFLICT. Other processes are kept out by the caller.
 *
 * Data
 *   Points cross as one record batch (a struct array) in the points schema, columns in this order:
 *     id         uint64, nullable                                   exactly one of id and uuid is set
 *     uuid       fixed_size_binary(16), nullable                    (extension arrow.uuid)
 *     shard_key  utf8, nullable                                     always null here; a shard knows no keys
 *     vector, vector.NAME ...  in name order, the unnamed one first; null where the point lacks it
 *                dense   fixed_size_list<float|halffloat|uint8>[dim]
 *                multi   list<fixed_size_list<...>[dim]>
 *                sparse  struct<indices: list<uint32>, values: list<float>>, indices ascending
 *     payload    large_utf8, nullable (extension arrow.json)        null where there is none, or {}
 *   Input finds its columns by name; missing ones are all null, and both utf8 and large_utf8 are taken for payload.
 *   Payload text that comes out is canonical JSON: object keys sorted by their UTF-8 bytes, no blanks, integers as
 *   integers, floats as serde_json prints an f64 (ryu, shortest that reads back, always with '.' or an exponent: 1.0,
 *   0.1, 1e-7, 1e16, 1.5e300), strings escaped as serde_json does (\" \\ \b \f \n \r \t, other control characters as
 *   \u00xx in lower-case hex, everything else as it is).
 *   Rows come in id order: numbers ascending, then UUIDs ascending by bytes.
 */
#ifndef VECFERRY_ENGINE_H
#define VECFERRY_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Arrow C Data Interface, as its specification asks every user to repeat it. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

/* The order of vecferry's ErrorKind. */
enum vecferry_code {
  VECFERRY_OK = 0,
  VECFERRY_USAGE = 1,
  VECFERRY_NOT_FOUND = 2,
  VECFERRY_EXISTS = 3,
  VECFERRY_UNAVAILABLE = 4,
  VECFERRY_TIMEOUT = 5,
  VECFERRY_CONFLICT = 6,
  VECFERRY_REFUSED = 7,
  VECFERRY_INCOMPATIBLE = 8,
  VECFERRY_CORRUPT = 9,
  VECFERRY_IO = 10,
  VECFERRY_CANCELLED = 11,
  VECFERRY_INTERNAL = 12
};

/* One open shard. */
typedef struct vecferry_shard vecferry_shard;

/* Called on the calling thread about ten times a second; a non-zero answer cancels. */
typedef int32_t (*vecferry_progress)(void* context, uint64_t done, uint64_t total);

/* Called from any thread, possibly several at once; level 1 error .. 5 trace. */
typedef void (*vecferry_log)(int32_t level, const char* message);

enum vecferry_id_kind { VECFERRY_ID_NONE = 0, VECFERRY_ID_NUMBER = 1, VECFERRY_ID_UUID = 2 };

typedef struct vecferry_point_id {
  int32_t kind; /* vecferry_id_kind */
  uint64_t number;
  uint8_t uuid[16];
} vecferry_point_id;

typedef struct vecferry_scan_request {
  vecferry_point_id from; /* first id that may come; NONE: the very first */
  vecferry_point_id to;   /* first id that must not come; NONE: to the end */
  uint64_t row_limit;     /* at most this many rows; 0: no limit but bytes */
  uint64_t byte_limit;    /* stop once the columns hold this many bytes; 0: 4 MiB. At least one row comes */
  const char* filter;     /* Qdrant filter JSON, or NULL */
  const char* vectors;    /* JSON list of vector names ("" is the unnamed one), or NULL: all */
  int32_t with_payload;   /* 0: the payload column is all null */
} vecferry_scan_request;

/* Make a new, empty shard in the folder `path` (made when missing).
 * config: the collection's configuration, {"config":{...},"payload_schema":{...}} as vecferry writes it (unknown keys
 * are passed over), with an optional "engine" object:
 *   "wal"                 default true: every write is in a log before the call returns. false: bulk load; writes are
 *                         durable when vecferry_engine_flush returns, and what came after the last flush may be lost.
 *   "max_search_threads"  threads that search the segments of one query; default 2
 *   "max_indexing_threads"  threads that an optimise takes at most (1 or more); default: the engine's choice. Unlike the
 *                         collection's own setting of this name it leaves no trace in the segments
 * Payload indexes named in "payload_schema" are created.
 * Errors: exists (the folder has a shard), usage (a configuration that no shard can have), io. */
int32_t vecferry_engine_create(const char* path, const char* config, vecferry_shard** shard, char** message);

/* Open the shard in `path`; a log is replayed. config: as above, or NULL; without its "config" part everything stays as
 * stored. Vectors must match what is stored; settings are taken over (the next optimise applies them). "engine":{"wal":true}
 * turns a shard made without a log into one with it, and false the other way; operation numbers go on above the stored
 * ones either way.
 * Errors: not_found, conflict (open in this process, or an optimise that was cancelled still runs), incompatible,
 * corrupt, io. */
int32_t vecferry_engine_open(const char* path, const char* config, vecferry_shard** shard, char** message);

/* Flush, then free the shard, whatever is returned. NULL is fine. */
int32_t vecferry_engine_close(vecferry_shard* shard, char** message);

/* Write whole points: an existing point is replaced, with the vectors and the payload that are not given here dropped. */
int32_t vecferry_engine_upsert(vecferry_shard* shard, struct ArrowArray* points, struct ArrowSchema* schema,
                               char** message);

/* Delete points by id: a batch with the columns id and uuid. Ids that do not exist are passed over. */
int32_t vecferry_engine_remove(vecferry_shard* shard, struct ArrowArray* ids, struct ArrowSchema* schema,
                               char** message);

/* Read the next points in id order. `next` (may be NULL) becomes the id to go on from, NONE at the end of the range.
 * An empty batch with a `next` does not happen. */
int32_t vecferry_engine_scan(vecferry_shard* shard, const vecferry_scan_request* request, struct ArrowArray* points,
                             struct ArrowSchema* schema, vecferry_point_id* next, char** message);

/* Read points by id: a batch with the columns id and uuid; unknown ids are left out, each known one comes once. */
int32_t vecferry_engine_retrieve(vecferry_shard* shard, struct ArrowArray* ids, struct ArrowSchema* ids_schema,
                                 const char* vectors, int32_t with_payload, struct ArrowArray* points,
                                 struct ArrowSchema* schema, char** message);

/* The body of POST /collections/{c}/points/query; *result: {"points":[{"id","version","score","payload","vector"}]}. */
int32_t vecferry_engine_query(vecferry_shard* shard, const char* request, char** result, char** message);

/* The body of POST .../points/count: {"filter":...,"exact":true}. */
int32_t vecferry_engine_count(vecferry_shard* shard, const char* request, uint64_t* count, char** message);

/* The body of POST .../facet; *result: {"hits":[{"value","count"}]}. */
int32_t vecferry_engine_facet(vecferry_shard* shard, const char* request, char** result, char** message);

/* One element of the `operations` of POST .../points/batch, such as {"set_payload":{"payload":{},"points":[1]}}:
 * set_payload overwrite_payload delete_payload clear_payload update_vectors delete_vectors delete. */
int32_t vecferry_engine_apply(vecferry_shard* shard, const char* operation, char** message);

/* The body of PUT .../index: {"field_name":...,"field_schema":...}. Making one that exists again is fine. */
int32_t vecferry_engine_create_index(vecferry_shard* shard, const char* request, char** message);

int32_t vecferry_engine_delete_index(vecferry_shard* shard, const char* field, char** message);

/* *result: {"points_count","indexed_vectors_count","segments_count","payload_schema":{path:{"data_type","params","points"}},
 * "vectors":{name:{"kind":"dense|multi|sparse","dim","datatype"}},"last_operation","wal","optimising","engine_version",
 * "config":{Qdrant's config as far as the shard knows it}}. */
int32_t vecferry_engine_info(vecferry_shard* shard, char** result, char** message);

/* Merge and index until nothing is left to do. progress may be NULL; it hears of indexed vectors and of all.
 * The engine cannot be interrupted: on a cancel this call returns VECFERRY_CANCELLED at once, while the work runs on
 * in the background to its end. The shard stays usable meanwhile (another optimise and a pack answer conflict); after
 * a close its folder stays reserved until the work has ended (open answers conflict). When the process ends first,
 * the segments stay as they were, and what was half made is removed by the next open. */
int32_t vecferry_engine_optimise(vecferry_shard* shard, vecferry_progress progress, void* context, char** message);

/* Make every write durable. */
int32_t vecferry_engine_flush(vecferry_shard* shard, char** message);

/* Unpack a Qdrant snapshot (.snapshot, or zstd of it: told by its first bytes) into the folder `target`, which must be
 * missing or empty. *result: {"kind":"shard"|"collection","shards":[{"id":0,"path":RELATIVE,"replica_state":{}|null}],
 * "config":{}|null,"payload_schema":{}|null,...}: each path below target opens with vecferry_engine_open; of a collection
 * snapshot the document as a whole is the config for it, a shard snapshot has none. progress hears of the bytes of the
 * file. On an error target is emptied again.
 * Errors: corrupt (cut short, not a snapshot, a name that leaves the folder), incompatible (an unknown version),
 * exists (target holds something), not_found, io, cancelled. */
int32_t vecferry_engine_unpack_snapshot(const char* file, const char* target, vecferry_progress progress, void* context,
                                        char** result, char** message);

/* Write a shard snapshot that a server takes as an upload to one of its shards, holes kept as holes. The shard is
 * flushed first; writes wait until the call returns. The log in it starts at `next_operation`, which must be above
 * the shard's last operation; 0: a round number well above it. *result: {"next_operation":N,"bytes":N}. */
int32_t vecferry_engine_pack_snapshot(vecferry_shard* shard, const char* file, uint64_t next_operation,
                                      vecferry_progress progress, void* context, char** result, char** message);

/* Version of the engine and of this interface: {"interface":1,"engine":"qdrant-edge 0.9.0"}. Free it. */
char* vecferry_engine_version(void);

/* Where the engine's log goes; NULL (the start): nowhere. */
void vecferry_engine_set_log(vecferry_log log, int32_t max_level);

void vecferry_engine_free_string(char* string);

#ifdef __cplusplus
}
#endif

#endif /* VECFERRY_ENGINE_H */
