import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Link } from '../router.tsx';
import { t } from '../text/index.ts';
import { Icon, type IconName } from './icons.tsx';

interface PageProps {
  readonly title: string;
  readonly text?: ComponentChildren;
  readonly actions?: ComponentChildren;
  /** The page above this one. */
  readonly up?: { readonly to: string; readonly label: string };
  readonly children: ComponentChildren;
}

/**
 * A page's head and body. Its heading takes the focus when it is opened, so that screen readers say where one is. Where what had the focus
 * is gone, such as the row that was deleted, the heading of what that stood in takes it: else a keyboard would begin anew at the menu.
 */
export function Page({ title, text, actions, up, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus();
    let last: readonly EventTarget[] = [];
    const onFocus = (event: FocusEvent) => {
      last = event.composedPath();
    };
    const observer = new MutationObserver(() => {
      const [had] = last;
      if (!(had instanceof Element) || had.isConnected || document.activeElement !== document.body) return;
      (headingWithin(last) ?? heading.current)?.focus({ preventScroll: true });
    });
    document.addEventListener('focusin', onFocus);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener('focusin', onFocus);
      observer.disconnect();
    };
  }, []);
  return (
    <>
      <header class="page-head">
        <div>
          {up === undefined ? null : (
            <Link to={up.to} class="crumb">
              <Icon name="left" />
              {up.label}
            </Link>
          )}
          <h1 ref={heading} tabIndex={-1} class="break">
            {title}
          </h1>
          {text === undefined ? null : <p>{text}</p>}
        </div>
        {actions === undefined ? null : <div class="row">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** Of the innermost of these that is still there and has one. */
function headingWithin(places: readonly EventTarget[]): HTMLElement | undefined {
  for (const place of places) {
    if (!(place instanceof Element) || !place.isConnected || !place.matches('dialog, section, fieldset')) continue;
    const found = place.querySelector<HTMLElement>('h2, legend');
    if (found === null) continue;
    found.tabIndex = -1;
    return found;
  }
  return undefined;
}

export function Empty(props: { icon: IconName; title: string; text: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      <p>{props.text}</p>
      {props.children}
    </div>
  );
}
