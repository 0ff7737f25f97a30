/**
 * The one table between what a callee's side answered and what the caller is told (behaviour 17). A status that speaks of the
 * engine's own INVITE (its credentials, its session timer, its loop, its redirect) means nothing to the caller, who could only
 * draw a wrong conclusion from it; everything else passes with the callee's own reason phrase. The original status goes along in
 * a Reason header field (RFC 3326).
 */
const CALLER_STATUS: ReadonlyMap<number, number> = new Map([
  // The engine's credentials at a trunk: the caller's phone would ask its user for a password.
  [401, 503],
  [407, 503],
  // Extensions, intervals and identity the engine negotiates per leg.
  [420, 500],
  [421, 500],
  [422, 500],
  [423, 500],
  [428, 500],
  // RFC 5626 §11.5: for whoever keeps flows, never for an endpoint.
  [430, 480],
  [436, 500],
  [437, 500],
  [438, 500],
  [439, 500],
  [440, 500],
  [469, 500],
  [489, 500],
  [494, 500],
  // No such dialog, or a glare that outlived its repairs: nothing the caller did.
  [481, 480],
  [491, 480],
  // RFC 3261 §16.7 step 6: not forwarded as such; for the caller it is one server that failed.
  [505, 500],
  [513, 500],
]);

/** A redirect that policy does not follow: the caller must not follow it round the tenant's rules. */
const UNFOLLOWED_REDIRECT = 480;

/** The status that the caller gets for a final status from a callee's side. */
export function callerStatus(status: number): number {
  if (status >= 300 && status < 400) return UNFOLLOWED_REDIRECT;
  if (status > 699 || status < 300) return 500;
  return CALLER_STATUS.get(status) ?? status;
}

/** What says of a request within a call what the other side can know: its package, its event, its dialog, its moment. */
const OF_DIALOG: ReadonlySet<number> = new Set([469, 481, 489, 491]);

/**
 * The status that the other side gets for a final status to a request relayed within the call. What only this engine can have caused says
 * there as little as outside of one; and a 408 would end the sender's dialog (RFC 3261 §12.2.1.2), or never leave (RFC 4320 §4.2).
 */
export function inDialogStatus(status: number): number {
  if (status === 401 || status === 407) return 403;
  if (status === 408) return 504;
  return status < 300 || OF_DIALOG.has(status) ? status : callerStatus(status);
}

/** RFC 3326 §2: `SIP;cause=486;text="Busy Here"`. */
export function sipReason(status: number, reason: string): string {
  const text = reason.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return text === '' ? `SIP;cause=${status}` : `SIP;cause=${status};text="${text}"`;
}

/** Preference among final responses of one stage, lower is better. RFC 3261 §16.7 step 6. */
function rank(status: number): number {
  // "If there are any 6xx class responses, choose among them"
  if (status >= 600) return 0;
  // 401, 407, 415, 420 and 484 "provide information affecting resubmission": preferred within 4xx, hence before plain 4xx.
  const class_ = Math.floor(status / 100);
  if (status === 415 || status === 484) return 40;
  // A phone that is busy or declines says more than one that is not there.
  if (status === 486) return 41;
  if (status === 408 || status === 480) return 43;
  if (class_ === 4) return 42;
  if (class_ === 3) return 43;
  // "SHOULD avoid choosing a 503": it says only that this one server failed.
  return status === 503 ? 59 : 50;
}

/** Whether `status` is a better answer to pass on than `than` (RFC 3261 §16.7 step 6). */
export function isBetterStatus(status: number, than: number): boolean {
  return rank(status) < rank(than);
}
