// What drives say: here I am, this is my load, this copy is complete.

import {
  type Connection,
  type DriveId,
  type Epoch,
  type IndexVersion,
  indexVersion,
  MemberState,
  messages,
  Opcode,
  parseAddress,
  type RangeId,
  type RangeRecord,
  RefusedError,
  type RegisterAnswer,
  type RegisterDrive,
  Status,
  type SyncFinished,
  tailOf,
} from '@piton/protocol';
import { isSameRights } from '../leases/rights.ts';
import {
  driveToPut,
  factsOf,
  isNewsToOthers,
  problemWithIdentity,
  recordToResume,
} from '../members/registration.ts';
import { waitFor } from '../operations/waiting.ts';
import { type DriveEntry, DriveState } from '../state/entries.ts';
import { drivesOf } from '../state/published-index.ts';
import { Healing } from './healing.ts';
import type { Handler, HandlerTable, Request } from './request.ts';
import type { HandlerServices } from './services.ts';

/** Drives of one cluster: their addresses must fit one message. */
const DRIVES_MAX = 1_000;
/** How long a drive waits for the step behind its finished copy before it has to ask again. */
const SYNC_ANSWER_MS = 8_000;

export function driveHandlers(services: HandlerServices): HandlerTable {
  const healing = new Healing(services);
  return new Map<number, Handler>([
    [Opcode.registerDrive, (request) => handleRegisterDrive(services, request)],
    [Opcode.renewLease, (request) => handleRenewLease(services, request)],
    [Opcode.heartbeat, (request) => handleHeartbeat(services, healing, request)],
    [Opcode.syncFinished, (request) => handleSyncFinished(services, request)],
  ]);
}

function refuse(status: Status, message: string, records?: readonly RangeRecord[]): never {
  throw new RefusedError(status, records === undefined ? { message } : { message, records });
}

function checkSpeaker(connection: Connection, drive: DriveId): void {
  if (connection.peer.node === drive) return;
  refuse(Status.wrongNode, `this connection is drive ${connection.peer.node}'s, not ${drive}'s`);
}

async function handleRegisterDrive(services: HandlerServices, request: Request): Promise<void> {
  const message = messages.registerDrive.decode(request.body);
  const { connection } = request;
  checkSpeaker(connection, message.drive);
  checkRegistration(message);
  const entry = await services.state.change((draft) => {
    checkIdentity(services, connection, message);
    const known = services.state.drives.get(message.drive);
    if (known === undefined && services.state.drives.size >= DRIVES_MAX) {
      refuse(Status.invalidArgument, `a cluster has at most ${DRIVES_MAX} drives`);
    }
    const next = entryAfterRegistration(services, message, known, () => draft.version());
    if (next !== known) draft.putDrive(next);
    return next;
  });
  if (!connection.isOpen) return;
  services.drives.arrived(message.drive, connection);
  const answer = registerAnswer(services, message, entry);
  connection.answer(request.id, messages.registerAnswer, answer);
  services.log.info(
    { drive: message.drive, address: message.address, ranges: answer.records.length },
    'drive registered',
  );
  services.leases.attendanceChanged();
  services.failover.arrived(message.drive, message.unagreed);
  services.defaultKeyspace.consider();
}

/** The same entry when there is nothing to write down. */
function entryAfterRegistration(
  { leases }: HandlerServices,
  message: RegisterDrive,
  known: DriveEntry | undefined,
  newVersion: () => IndexVersion,
): DriveEntry {
  const rights = leases.rightsOf(message, known);
  if (known === undefined) return { ...factsOf(message), ...rights, version: newVersion() };
  const facts = driveToPut(message, known);
  // It is back, whatever was said of it.
  const { isForgotten, ...entry } = known;
  if (facts === undefined && isSameRights(rights, known) && !isForgotten) return known;
  const isNews = facts !== undefined && isNewsToOthers(facts, known);
  const version = isNews ? newVersion() : known.version;
  return { ...entry, ...facts, ...rights, version };
}

function checkRegistration({ address, folderId }: RegisterDrive): void {
  if (folderId === '') refuse(Status.invalidArgument, 'folder id: expected text, got none');
  try {
    parseAddress(address);
  } catch (error) {
    refuse(Status.invalidArgument, (error as Error).message);
  }
}

function checkIdentity(
  { state, drives }: HandlerServices,
  connection: Connection,
  message: RegisterDrive,
): void {
  const { drive } = message;
  const current = drives.connectionOf(drive);
  const problem = problemWithIdentity(
    message,
    state.drives.get(drive),
    state.shareOf(drive).ranges.size > 0,
    current !== undefined && current !== connection,
  );
  if (problem !== undefined) refuse(Status.driveIdTaken, problem);
}

/**
 * `entry` is what this registration made of it, not what it is now: if the drive was fenced again since,
 * the newer number is not for it.
 */
function registerAnswer(
  services: HandlerServices,
  message: RegisterDrive,
  entry: DriveEntry,
): RegisterAnswer {
  const { state, leases, leaseMs, heartbeatMs } = services;
  const held = new Map<RangeId, Epoch>();
  for (const { range, epoch } of message.held) held.set(range, epoch);
  const records: RangeRecord[] = [];
  for (const id of state.shareOf(message.drive).ranges) {
    const range = state.ranges.get(id);
    const record = range && recordToResume(range, message.drive, held.get(id));
    if (record !== undefined) records.push(record);
  }
  const rights = leases.answerFor(entry);
  const peers = new Set([...drivesOf(records), ...rights.witnesses.drives]);
  const addresses = state.addressesOf(peers);
  const { indexVersion } = state;
  return { leaseMs, heartbeatMs, records, addresses, indexVersion, ...rights };
}

function handleRenewLease({ leases }: HandlerServices, request: Request): void {
  const message = messages.renewLease.decode(request.body);
  checkSpeaker(request.connection, message.drive);
  const answer = leases.renew(message);
  if (answer === undefined) refuse(Status.driveUnknown, `there is no drive ${message.drive}`);
  request.connection.answer(request.id, messages.leaseAnswer, answer);
}

function handleHeartbeat(services: HandlerServices, healing: Healing, request: Request): void {
  const message = messages.heartbeat.decode(request.body);
  const { connection, id } = request;
  checkSpeaker(connection, message.drive);
  const { state, drives, statistics } = services;
  if (!drives.heard(message.drive, connection, message)) {
    refuse(Status.driveUnknown, `drive ${message.drive} is not registered on this connection`);
  }
  if (state.drives.get(message.drive)?.state === DriveState.fenced) {
    refuse(Status.driveUnknown, `drive ${message.drive} was fenced: it has to register again`);
  }
  const { ranges } = state.shareOf(message.drive);
  const own = message.ranges.filter(({ range }) => ranges.has(range));
  statistics.take(message.drive, own, message.intervalMs);
  const addresses = state.addressesSince(indexVersion(message.indexVersion));
  const answer = { indexVersion: state.indexVersion, addresses };
  connection.answer(id, messages.heartbeatAnswer, answer);
  services.failover.reported(message);
  healing.compare(message.drive, connection, message.ranges);
}

/** Answered when the step behind it is durable, so that the drive may forget that it was to tell. */
async function handleSyncFinished(services: HandlerServices, request: Request): Promise<void> {
  const message = messages.syncFinished.decode(request.body);
  const { state, syncs, clock } = services;
  const entry = state.ranges.get(message.range);
  if (entry === undefined) refuse(Status.noSuchRange, `there is no range ${message.range}`);
  checkSync(request.connection, entry.record, message);
  const isDone = (): boolean => {
    const record = state.ranges.get(message.range)?.record;
    return record === undefined || record.epoch > message.epoch;
  };
  if (!isDone()) {
    syncs.arrived(message.range, message.epoch);
    await waitFor(clock, SYNC_ANSWER_MS, request.signal, (wake) =>
      syncs.whenTaken(message.range, wake),
    );
  }
  if (!isDone()) {
    const text = `the move of range ${message.range} is not ready for it yet`;
    throw new RefusedError(Status.rangeUnavailable, { message: text, retryAfterMs: 500 });
  }
  request.connection.answer(request.id, messages.done, { done: true });
}

function checkSync(connection: Connection, record: RangeRecord, message: SyncFinished): void {
  const member = record.chain.find(({ drive }) => drive === message.target);
  if (message.epoch < record.epoch) {
    if (member?.state === MemberState.serving) return;
    refuse(Status.staleIndex, `range ${record.id} is at epoch ${record.epoch}`, [record]);
  }
  if (message.epoch > record.epoch || member?.state !== MemberState.syncing) {
    refuse(
      Status.invalidArgument,
      `drive ${message.target} is not syncing range ${record.id} at epoch ${message.epoch}`,
    );
  }
  if (tailOf(record) !== connection.peer.node) {
    refuse(Status.wrongNode, `only the tail of range ${record.id} may say that a copy is complete`);
  }
}
