import { render } from 'preact';
import { App } from './app.tsx';
import { applyPreferences } from './client/preferences.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/data.css';
import './styles/live.css';

applyPreferences();
render(<App />, document.getElementById('app') as HTMLElement);
