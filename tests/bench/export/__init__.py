"""How far one program's export goes: spans a second before any is dropped, the queue's memory, the cost to calls."""
