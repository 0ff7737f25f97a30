let second = -1;
let prefix = '';

/** `Date.prototype.toISOString` for times that come in runs: the part up to the second is made once a second. */
export function isoTime(wallMs: number): string {
  const wholeMs = Math.floor(wallMs);
  const wholeSecond = Math.floor(wholeMs / 1000);
  if (wholeSecond !== second) {
    prefix = new Date(wholeSecond * 1000).toISOString().slice(0, -4);
    second = wholeSecond;
  }
  const ms = wholeMs - wholeSecond * 1000;
  ENDS[ms] ??= `${String(ms).padStart(3, '0')}Z`;
  return prefix + ENDS[ms];
}

/** Of each millisecond. */
const ENDS: string[] = [];
