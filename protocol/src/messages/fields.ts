// The fields that many messages share: ids, keys, records, addresses.

import { PLACED_KEY_BYTES_MAX } from '../keys/keys.ts';
import {
  addressFromWire,
  addressToWire,
  type DriveAddress,
  type KeyspaceRecord,
  keyspaceFromWire,
  keyspaceToWire,
  type RangeRecord,
  recordFromWire,
  recordToWire,
} from '../ranges/range-record.ts';
import {
  type ClusterId,
  clusterId,
  type DriveId,
  driveId,
  type Epoch,
  epoch,
  type Fence,
  fence,
  type Incarnation,
  type IndexVersion,
  incarnation,
  indexVersion,
  type KeyspaceId,
  keyspaceId,
  type RangeId,
  rangeId,
  type Sequence,
  sequence,
} from '../words/ids.ts';
import { bytes, custom, type Field } from './schema.ts';

const same = (value: unknown): unknown => value;

export const driveIdField: Field<DriveId> = custom('driveId', same, driveId);
export const clusterIdField: Field<ClusterId> = custom('clusterId', same, clusterId);
export const keyspaceIdField: Field<KeyspaceId> = custom('keyspaceId', same, keyspaceId);
export const rangeIdField: Field<RangeId> = custom('rangeId', same, rangeId);
export const epochField: Field<Epoch> = custom('epoch', same, epoch);
export const indexVersionField: Field<IndexVersion> = custom('indexVersion', same, indexVersion);
export const sequenceField: Field<Sequence> = custom('sequence', same, sequence);
export const incarnationField: Field<Incarnation> = custom('incarnation', same, incarnation);
export const fenceField: Field<Fence> = custom('fence', same, fence);
export const keyField: Field<Uint8Array> = bytes(PLACED_KEY_BYTES_MAX);
export const recordField: Field<RangeRecord> = custom('rangeRecord', recordToWire, recordFromWire);
export const addressField: Field<DriveAddress> = custom(
  'driveAddress',
  addressToWire,
  addressFromWire,
);
export const keyspaceField: Field<KeyspaceRecord> = custom(
  'keyspace',
  keyspaceToWire,
  keyspaceFromWire,
);
