/** What is kept and told of a node's calls, messages and changes. */
import { join } from 'node:path';
import { RecentCalls } from '../engine/tell/recent-calls.ts';
import { AuditLog, CallRecordLog, EventBus, SipTrace } from '../observe/index.ts';
import type { NodeParts } from './node-options.ts';

export interface Watching {
  readonly events: EventBus;
  readonly trace: SipTrace;
  readonly records: CallRecordLog;
  readonly audit: AuditLog;
  readonly recentCalls: RecentCalls;
}

export function watching({ settings, scheduler, log, closers }: NodeParts): Watching {
  const folder = settings.store.path;
  const events = new EventBus(scheduler, {
    onError: (error) => log.error('event-subscriber-failed', { error: String(error) }),
  });
  const trace = new SipTrace(scheduler, { maxOctets: settings.limits.traceBytes });
  const records = new CallRecordLog({ log, path: settings.records.file ?? join(folder, 'calls.jsonl') });
  const audit = new AuditLog(scheduler, { log, path: join(folder, 'audit.jsonl'), events });
  closers.push(
    () => records.close(),
    () => audit.close(),
  );
  return { events, trace, records, audit, recentCalls: new RecentCalls(settings.limits.explainedCalls) };
}
