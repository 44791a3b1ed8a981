// What a registration answer means for the copies on this drive: which are not this drive's any more, and
// which records hold for the others.

import { type RangeRecord, RefusedError } from '@piton/protocol';
import type { Routes } from '../requests/routes.ts';
import type { Installer } from './install.ts';

export interface RegistrationParts {
  readonly routes: Routes;
  readonly installer: Installer;
  readonly report: (message: string) => void;
}

/** `hasLostRights`: see `Ranges.startServing`. */
export async function takeRegistration(
  { routes, installer, report }: RegistrationParts,
  records: readonly RangeRecord[],
  hasLostRights: boolean,
): Promise<void> {
  if (hasLostRights) routes.suspendUnlisted(records);
  else routes.relist(records);
  for (const record of records) {
    // A range that was never installed here comes with a command of its own.
    if (routes.get(record.id) === undefined) continue;
    try {
      await installer.install({ record, addresses: [], isNew: false });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      // One range that cannot follow is not served; the others are.
      routes.suspend(record.id);
      report(`range ${record.id}: ${error.message}`);
    }
  }
}
