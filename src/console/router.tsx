/** Pages by address: `/console/trunks/new`. Links are real ones, so that a new tab and the back button do what they always do. */
import type { ComponentChildren } from 'preact';
import { signalOf, useSignal } from './client/signal.ts';

const BASE = '/console';

const location = signalOf(currentPath());

window.addEventListener('popstate', () => location.set(currentPath()));

function currentPath(): string {
  return window.location.pathname.slice(BASE.length).replace(/\/+$/, '') + window.location.search;
}

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  const url = BASE + path;
  if (how === 'replace') history.replaceState(null, '', url);
  else {
    history.pushState(null, '', url);
    window.scrollTo(0, 0);
  }
  location.set(currentPath());
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
