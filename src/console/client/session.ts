import { adoptSession } from './http.ts';
import { sessions } from './resources.ts';
import { signalOf } from './signal.ts';
import type { Session } from './types.ts';

/** Undefined until it is known. */
export const session = signalOf<Session | undefined>(undefined);
/** It ended while somebody was at work: a dialog asks for the password, and the page with what was typed stays. */
export const ended = signalOf(false);

export function enter(next: Session): void {
  adoptSession(next.csrfToken, () => {
    if (session.value?.signedIn === true) ended.set(true);
  });
  session.set(next);
  ended.set(false);
}

export async function readSession(): Promise<void> {
  enter(await sessions.get());
}

export async function signOut(): Promise<void> {
  const next = await sessions.signOut();
  enter({ ...next, firstRun: false });
  // The identity provider would let whoever comes next in without a question.
  if (next.signOutUrl !== undefined) window.location.assign(next.signOutUrl);
}

export function isSystemAdmin(): boolean {
  return session.value?.role === 'system-admin';
}

export function mayChange(): boolean {
  return session.value?.readOnly !== true;
}
