/** What the error codes of the Cloud API mean here: for the phone that sent, for the trunk, and for trying again. */

import { WINDOW_TEXT } from './window.ts';

export interface CloudError {
  readonly code: number;
  readonly message: string;
  /** How long it asks to wait, when it says. */
  readonly retryAfterMs?: number | undefined;
}

export type CloudVerdict =
  /** The message will never go; `status` is what a phone is told. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string; readonly warning?: string }
  /** Later it may: everything of the number waits (`number`), or what is for this user (`user`). */
  | { readonly kind: 'later'; readonly scope: 'number' | 'user'; readonly afterMs: number; readonly status: number }
  /** The access token is good for nothing: the trunk is out of service. */
  | { readonly kind: 'token' };

const PACE_MS = 1_000;
/** One message in six seconds for each user. */
const PAIR_MS = 6_000;
const FAULT_MS = 2_000;

export function verdictOf({ code, message, retryAfterMs }: CloudError): CloudVerdict {
  switch (code) {
    case 0:
    case 190:
      return { kind: 'token' };
    case 131047:
      return { kind: 'refused', status: 403, reason: 'Forbidden', warning: WINDOW_TEXT };
    case 131026:
      return { kind: 'refused', status: 404, reason: 'Not Found' };
    case 131051:
      return { kind: 'refused', status: 415, reason: 'Unsupported Media Type' };
    case 4:
    case 80007:
    case 130429:
      return { kind: 'later', scope: 'number', afterMs: retryAfterMs ?? PACE_MS, status: 503 };
    case 131056:
      return { kind: 'later', scope: 'user', afterMs: retryAfterMs ?? PAIR_MS, status: 503 };
    case 131048:
    case 131049:
      return { kind: 'refused', status: 403, reason: 'Forbidden', warning: message };
    case 131000:
      return { kind: 'later', scope: 'number', afterMs: retryAfterMs ?? FAULT_MS, status: 500 };
    case 1:
    case 2:
    case 131016:
      return { kind: 'later', scope: 'number', afterMs: retryAfterMs ?? FAULT_MS, status: 503 };
    default:
      return { kind: 'refused', status: 400, reason: 'Bad Request', warning: message };
  }
}
