/** What stands around every page: menu, who is signed in, and what is said of the connection to the engine. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { reachable, watchEngine } from './client/http.ts';
import { isSystemAdmin, session, signOut } from './client/session.ts';
import { useSignal } from './client/signal.ts';
import type { NavigationGroup } from './pages/index.ts';
import { Link, usePath } from './router.tsx';
import { t } from './text/index.ts';
import { faultsOf } from './ui/form.tsx';
import { Icon } from './ui/icons.tsx';
import { Mark } from './ui/mark.tsx';
import { say } from './ui/toast.tsx';

interface ShellProps {
  readonly navigation: readonly NavigationGroup[];
  readonly children: ComponentChildren;
}

export function Shell({ navigation, children }: ShellProps) {
  const [open, setOpen] = useState(false);
  const { path } = usePath();
  const opener = useRef<HTMLButtonElement>(null);
  const content = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!open) return;
    // What has the focus goes with the menu.
    (content.current?.querySelector('h1') ?? content.current)?.focus();
    setOpen(false);
  }, [path]);
  useEffect(() => {
    if (!open) return;
    const close = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      opener.current?.focus();
    };
    window.addEventListener('keydown', close);
    return () => window.removeEventListener('keydown', close);
  }, [open]);
  return (
    <div class="shell">
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to the content, without an entry of the history, which would be a step back of its own */}
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          content.current?.focus();
        }}
      >
        {t('app.skip')}
      </a>
      <header class="topbar">
        <Brand />
        <button
          ref={opener}
          type="button"
          class="button button-quiet"
          aria-expanded={open}
          aria-controls="menu"
          onClick={() => setOpen(!open)}
        >
          <Icon name="menu" />
          {t('app.menu')}
        </button>
      </header>
      {open ? (
        <button type="button" class="scrim" aria-label={t('app.closeMenu')} onClick={() => setOpen(false)} />
      ) : null}
      <nav class="sidebar" id="menu" data-open={open} aria-label={t('app.navigation')}>
        <Brand />
        <div>
          {navigation.map((group) => (
            <NavGroup group={group} path={path} key={group.title} />
          ))}
        </div>
        <SignedIn path={path} />
      </nav>
      <div>
        <Connection />
        <main ref={content} class="main" id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}

function Brand() {
  return (
    <Link to="/trunks" class="brand">
      <Mark />
      {t('app.name')}
    </Link>
  );
}

function NavGroup({ group: { title, links }, path }: { group: NavigationGroup; path: string }) {
  return (
    <div class="nav-group">
      <p class="nav-title">{t(title)}</p>
      <ul>
        {links
          .filter((link) => link.for === undefined || isSystemAdmin())
          .map(({ to, title: text, icon }) => (
            <li key={to}>
              <Link
                to={to}
                class="nav-link"
                aria-current={path === to || path.startsWith(`${to}/`) ? 'page' : undefined}
              >
                <Icon name={icon} />
                {t(text)}
              </Link>
            </li>
          ))}
      </ul>
    </div>
  );
}

function SignedIn({ path }: { path: string }) {
  const { user, actor, role, readOnly, tenant } = useSignal(session) ?? {};
  const may = [
    role === undefined ? undefined : t(`role.${role}`),
    tenant,
    readOnly === true ? t('role.readOnly') : undefined,
  ];
  return (
    <div class="nav-foot">
      <p class="nav-user small">
        <strong title={user ?? actor}>{user ?? actor}</strong>
        {may.filter((word) => word !== undefined).join(' · ')}
      </p>
      <Link to="/account" class="nav-link" aria-current={path === '/account' ? 'page' : undefined}>
        <Icon name="person" />
        {t('account.title')}
      </Link>
      <button type="button" class="nav-link nav-button" onClick={() => void signOut().catch(tell)}>
        <Icon name="leave" />
        {t('nav.signOut')}
      </button>
    </div>
  );
}

function tell(error: unknown): void {
  for (const { message } of faultsOf(error)) say(message);
}

function Connection() {
  const isReachable = useSignal(reachable);
  const wasAway = useRef(false);
  useEffect(watchEngine, []);
  useEffect(() => {
    if (isReachable && wasAway.current) say(t('app.back'));
    wasAway.current = !isReachable;
  }, [isReachable]);
  return (
    <div role="status">
      {isReachable ? null : (
        <p class="banner">
          <Icon name="warn" />
          {t('app.unreachable')}
        </p>
      )}
    </div>
  );
}
