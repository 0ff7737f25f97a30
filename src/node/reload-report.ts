import { isDeepStrictEqual } from 'node:util';
import type { ReloadReport } from '../api/index.ts';
import { isObject } from '../base/json-object.ts';
import { listenerId } from '../engine/listeners.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';

/** Settings that a running node takes over. The certificate files are read anew whether their names have changed or not. */
const LIVE =
  /^(stir(\..+)?|log\.level|provisioning(Mode)?|mediaRelays(\[\d+\]\.\w+)?|(listen\[\d+\]|api)\.(certificate|key))$/;

/**
 * Sorts the settings that differ from those of the start, or from those that were in force: what is as at the start again has changed too.
 *
 * @param listening what is listened on now; where it has as many listeners as `next` names, one for one.
 */
export function settingsReport(
  started: NodeSettings,
  next: NodeSettings,
  listening: readonly Listen[] = started.listen,
  before: NodeSettings = started,
): ReloadReport {
  const isFollowed = listening.length === next.listen.length;
  const changed = differences({ ...started, listen: isFollowed ? listening : started.listen }, next);
  const ids = listening.map(listenerId);
  const opened = isFollowed && [started, before].some(({ listen }) => !isDeepStrictEqual(listen.map(listenerId), ids));
  return {
    applied: [...(opened ? ['listen'] : []), ...new Set([...changed, ...differences(before, next)].filter(isLive))],
    needsRestart: changed.filter((path) => !isLive(path)),
  };
}

function isLive(path: string): boolean {
  return LIVE.test(path);
}

/** `api.port`, `listen[0].host`, `webhooks` (a list of another length is one change). */
function differences(before: unknown, after: unknown, path = ''): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const isPlain = before.some((item) => typeof item !== 'object');
    if (before.length !== after.length || isPlain) return [path];
    return before.flatMap((item, index) => differences(item, after[index], `${path}[${index}]`));
  }
  if (!isObject(before) || !isObject(after)) return [path];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], path === '' ? name : `${path}.${name}`));
}
