import { start } from '../ui/mount';
import Library from './Library.svelte';

start(Library, 'library.title');
