/* The part of TensorFlow Lite's C interface that a delegate for a custom operation touches.
 *
 * The layout is that of tflite/core/c/common.h on 64-bit Linux, unchanged from tflite-runtime 2.14 to LiteRT 2.3; the
 * offsets below were compared with it, so that a compiler which lays them out in another way says so here.
 */
#ifndef SOFTWARE_EDGETPU_TFLITE_PLUGIN_H
#define SOFTWARE_EDGETPU_TFLITE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int Status;
enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_DELEGATE_ERROR = 2 };
enum { DELEGATE_ALLOWS_DYNAMIC_TENSORS = 1 };

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  void *data;
  IntArray *dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  struct Delegate *delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct { int type; void *params; } quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;

_Static_assert(offsetof(Tensor, data) == 8 && offsetof(Tensor, bytes) == 40, "TfLiteTensor");
_Static_assert(offsetof(Tensor, name) == 56 && sizeof(Tensor) == 112, "TfLiteTensor");

typedef struct {
  IntArray *inputs;
  IntArray *outputs;
  IntArray *intermediates;
  IntArray *temporaries;
  void *user_data;
  void *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  struct Delegate *delegate;
  bool might_have_side_effect;
} Node;

_Static_assert(offsetof(Node, user_data) == 32 && offsetof(Node, delegate) == 64, "TfLiteNode");

typedef struct Context Context;

typedef struct {
  void *(*init)(Context *, const char *buffer, size_t length);
  void (*free)(Context *, void *user_data);
  Status (*prepare)(Context *, Node *);
  Status (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *(*async_kernel)(Context *, Node *);
  uint64_t inplace_operator;
} Registration;

_Static_assert(offsetof(Registration, custom_name) == 48 && sizeof(Registration) == 88, "TfLiteRegistration");

typedef struct Delegate {
  void *data;
  Status (*prepare)(Context *, struct Delegate *);
  Status (*copy_from_buffer_handle)(Context *, struct Delegate *, int, Tensor *);
  Status (*copy_to_buffer_handle)(Context *, struct Delegate *, int, Tensor *);
  void (*free_buffer_handle)(Context *, struct Delegate *, int *);
  int64_t flags;
  void *opaque_delegate_builder;
} Delegate;

_Static_assert(offsetof(Delegate, flags) == 40 && sizeof(Delegate) == 56, "TfLiteDelegate");

/* The members up to the last that is used here. */
struct Context {
  size_t tensors_size;
  Status (*get_execution_plan)(Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  Status (*resize_tensor)(Context *, Tensor *, IntArray *);
  void (*report_error)(Context *, const char *, ...);
  Status (*add_tensors)(Context *, int, int *);
  Status (*get_node_and_registration)(Context *, int, Node **, Registration **);
  Status (*replace_node_subsets_with_delegate_kernels)(Context *, Registration, const IntArray *, Delegate *);
};

_Static_assert(offsetof(Context, tensors) == 16 && offsetof(Context, report_error) == 40, "TfLiteContext");
_Static_assert(offsetof(Context, replace_node_subsets_with_delegate_kernels) == 64, "TfLiteContext");

#endif
