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
 * A page's head and body. Its heading takes the focus when it is opened, so that screen readers say where one is, and when what had the
 * focus is gone, such as the row that was deleted: else a keyboard would begin anew at the menu.
 */
export function Page({ title, text, actions, up, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus();
    let last: EventTarget | null = null;
    const onFocus = ({ target }: FocusEvent) => {
      last = target;
    };
    const observer = new MutationObserver(() => {
      if (!(last instanceof Element) || last.isConnected || document.activeElement !== document.body) return;
      heading.current?.focus({ preventScroll: true });
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
