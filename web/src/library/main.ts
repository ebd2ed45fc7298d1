import { start } from '../ui/mount';
import Page from './Page.svelte';

start(Page, 'start.title');
