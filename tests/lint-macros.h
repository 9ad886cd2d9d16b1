#pragma once
/* For cppcheck only, which does not see the headers of libraries: what the
 * macros do that open a block. */
#define json_object_foreach(object, key, value)                                \
	for (key = "", value = (object); value; value = NULL)
#define json_array_foreach(array, index, value)                                \
	for (index = 0, value = (array); value; value = NULL)
