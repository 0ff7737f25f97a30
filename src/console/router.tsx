/** Pages by address: `/console/trunks/new`. Links are real ones, so that a new tab and the back button do what they always do. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { signalOf, useSignal } from './client/signal.ts';

const BASE = '/console';

const location = signalOf(currentPath());
/** Says whether the page may be left: there may be typed text on it. */
let mayLeave: () => boolean = () => true;

/** Which entry of the browser's history the page is, so that a step back or forth can be taken back. */
let place = placeOf(history.state);

window.addEventListener('popstate', ({ state }) => {
  // Within the page, or where the page was before the step that is taken back.
  if (currentPath() === location.value) {
    if (state !== null) place = placeOf(state);
    return;
  }
  const next = placeOf(state);
  if (!mayLeave()) return history.go(place - next);
  place = next;
  location.set(currentPath());
});

function placeOf(state: unknown): number {
  return (state as { readonly place?: number } | null)?.place ?? 0;
}

function currentPath(): string {
  return window.location.pathname.slice(BASE.length).replace(/\/+$/, '') + window.location.search;
}

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  const stays = path === currentPath();
  if (how === 'push' && !stays && !mayLeave()) return;
  const url = BASE + path;
  if (how === 'replace' || stays) history.replaceState({ place }, '', url);
  else {
    place += 1;
    history.pushState({ place }, '', url);
    window.scrollTo(0, 0);
  }
  location.set(currentPath());
}

/** Asks before the page is left with something on it that is not saved. */
export function useLeaveGuard(isDirty: boolean, question: string): void {
  // As soon as it is drawn: a step right behind the typing is asked about, too.
  useLayoutEffect(() => {
    if (!isDirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    mayLeave = () => window.confirm(question);
    window.addEventListener('beforeunload', warn);
    return () => {
      mayLeave = () => true;
      window.removeEventListener('beforeunload', warn);
    };
  }, [isDirty, question]);
}

export function usePath(): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', search = ''] = useSignal(location).split('?');
  return { path, query: new URLSearchParams(search) };
}

interface LinkProps {
  readonly to: string;
  readonly class?: string;
  readonly 'aria-current'?: 'page' | undefined;
  readonly children: ComponentChildren;
}

export function Link({ to, children, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      href={BASE + to}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}

/** The named parts of a path that fits a pattern such as `/trunks/:id`; undefined when it does not. */
export function match(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) {
      if (value === '') return undefined;
      found[part.slice(1)] = decoded(value);
    } else if (part !== value) return undefined;
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
