// Every limit of the protocol, with its unit. What must hold between them is asserted at load.

const KIB = 1024;
const MIB = 1024 * KIB;

/** A key is 1..4096 bytes. */
export const KEY_BYTES_MAX: number = 4096;
/** A value is 0..1 MiB. */
export const VALUE_BYTES_MAX: number = MIB;
/** msgpack header of one frame. */
export const HEADER_BYTES_MAX: number = MIB;
/** Raw payload of one frame: what follows the header. */
export const PAYLOAD_BYTES_MAX: number = 4 * MIB;
/** Operations in one frame. */
export const OPERATIONS_PER_FRAME_MAX: number = 4096;
/** A sender closes its current frame when the payload has grown to this. */
export const FRAME_BYTES_TARGET: number = 256 * KIB;
/** Credit a server grants one connection: operations that are not answered yet. */
export const IN_FLIGHT_OPERATIONS_MAX: number = 16_384;
/** Credit a server grants one connection: request bytes that are not answered yet. */
export const IN_FLIGHT_BYTES_MAX: number = 32 * MIB;
/** Reply bytes a server buffers for a peer that does not read; above, it stops reading from it. */
export const SEND_BUFFER_BYTES_HIGH: number = 8 * MIB;
/** Reply bytes buffered for a peer that does not read at which its connection is closed. */
export const SEND_BUFFER_BYTES_MAX: number = 64 * MIB;
/** Connections that one server keeps open. */
export const CONNECTIONS_MAX: number = 1024;
/** A connection that has not finished its handshake by then is closed. */
export const HANDSHAKE_MS_MAX: number = 5_000;
/** Longest time budget of an operation; a session outlives it by far (SESSION_IDLE_MS). */
export const TIMEOUT_MS_MAX: number = 300_000;
/** A drive forgets a session that has been silent for this long. */
export const SESSION_IDLE_MS: number = 1_200_000;
/** Unfinished writes of one session; a write number is below lowest outstanding + this. */
export const SESSION_WINDOW: number = 16_384;
/** Sessions remembered by one range. */
export const SESSIONS_PER_RANGE_MAX: number = 4_096;
/** Range records in one stale-index reply or one index page. */
export const RECORDS_PER_REPLY_MAX: number = 256;
/** Bytes of range records that one header carries; what is left goes on the next page. */
export const RECORDS_BYTES_MAX: number = 512 * KIB;
/** Ranges that one drive holds: all of them are in one heartbeat. */
export const RANGES_PER_DRIVE_MAX: number = 10_000;
/** Records in one `installRanges`. */
export const INSTALLS_MAX: number = 64;
/** Gaps in one heartbeat: the others are in a later one. */
export const HISTORY_GAPS_MAX: number = 256;
/** Drives in one heartbeat that its sender cannot reach. */
export const UNREACHED_MAX: number = 64;
/** Header of the first frame of a connection, whose sender is a stranger. It has no payload. */
export const HELLO_BYTES_MAX: number = 4096;
/** Entries, and bytes of keys and values, in one page of a scan. */
export const SCAN_ENTRIES_MAX: number = 1_000;
export const SCAN_BYTES_MAX: number = MIB;
/** Members of one chain. */
export const CHAIN_MEMBERS_MAX: number = 5;
/** Drives of one cluster that a message may name: addresses, fences. */
export const DRIVES_MAX: number = 4_096;
/** Longest lease that a drive may ask for. */
export const LEASE_MS_MAX: number = 600_000;
/** Drives in one witness set. */
export const WITNESS_DRIVES_MAX: number = 8;
/** Name of a keyspace, in characters of A-Za-z0-9._- */
export const KEYSPACE_NAME_CHARS_MAX: number = 64;

function assertRelation(holds: boolean, why: string): void {
  if (!holds) throw new Error(`limits contradict each other: ${why}`);
}

assertRelation(
  KEY_BYTES_MAX + VALUE_BYTES_MAX < PAYLOAD_BYTES_MAX,
  'the largest key and value must fit one frame',
);
assertRelation(
  SCAN_BYTES_MAX + KEY_BYTES_MAX + VALUE_BYTES_MAX + 64 < PAYLOAD_BYTES_MAX,
  'a scan page may exceed its target by one entry and must still fit one frame',
);
assertRelation(
  FRAME_BYTES_TARGET + KEY_BYTES_MAX + VALUE_BYTES_MAX < PAYLOAD_BYTES_MAX,
  'a frame at its target may take one more operation',
);
assertRelation(
  RECORDS_BYTES_MAX + 256 * KIB <= HEADER_BYTES_MAX,
  'records and the addresses of their drives must fit one header',
);
assertRelation(
  80 * RANGES_PER_DRIVE_MAX < HEADER_BYTES_MAX,
  'a heartbeat has up to 80 bytes for each range and must fit one header',
);
assertRelation(
  IN_FLIGHT_BYTES_MAX >= 2 * PAYLOAD_BYTES_MAX,
  'one large frame must not use up the whole credit',
);
assertRelation(
  SESSION_IDLE_MS >= 3 * TIMEOUT_MS_MAX,
  'a retry inside its budget must find its session, whatever the clocks do',
);
assertRelation(
  SESSION_WINDOW >= IN_FLIGHT_OPERATIONS_MAX,
  'the window must not throttle a connection that has credit',
);
